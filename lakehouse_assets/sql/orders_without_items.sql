-- README: Orders of which no item is there (have they not come, or were they rejected? rejected_records_analysis says), by day. Run it with: lakehouse query orders_without_items
SELECT o."date" AS day, count(*) AS orders, round(sum(o.total_amount), 2) AS amount, min(o.order_id) AS for_example
FROM orders AS o
WHERE NOT EXISTS (SELECT 1 FROM order_items AS i WHERE i.order_id = o.order_id)
GROUP BY o."date"
ORDER BY day
