-- README: Which batch and which file each table's rows are from (as they are now: a row that was corrected is from the file that corrected it). Run it with: lakehouse query where_rows_came_from
WITH every_row AS (
  SELECT 'products' AS dataset, batch_id, source_file, source_modified_at FROM products
  UNION ALL
  SELECT 'orders', batch_id, source_file, source_modified_at FROM orders
  UNION ALL
  SELECT 'order_items', batch_id, source_file, source_modified_at FROM order_items
)
SELECT dataset, source_file, batch_id, count(*) AS row_count, max(source_modified_at) AS file_time
FROM every_row
GROUP BY dataset, source_file, batch_id
ORDER BY dataset, file_time, source_file, batch_id
