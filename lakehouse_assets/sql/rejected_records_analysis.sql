-- README: What was rejected, why, and from which files: most frequent first; `healed` were loaded after all. Run it with: lakehouse query rejected_records_analysis
WITH rejected AS (
  SELECT dataset, reasons, source_file, batch_id, healed_by FROM rejected_products
  UNION ALL
  SELECT dataset, reasons, source_file, batch_id, healed_by FROM rejected_orders
  UNION ALL
  SELECT dataset, reasons, source_file, batch_id, healed_by FROM rejected_order_items
)
SELECT dataset, reason, count(*) AS records, count(healed_by) AS healed, count(DISTINCT source_file) AS files, min(source_file) AS for_example_in
FROM rejected
CROSS JOIN UNNEST(reasons) AS t (reason)
GROUP BY dataset, reason
ORDER BY records DESC, dataset, reason
