-- README: What was sold each day: orders, customers, revenue, what an order was worth, items. Run it with: lakehouse query daily_sales
WITH items_of_order AS (
  SELECT order_id, count(*) AS items
  FROM order_items
  GROUP BY order_id
)
SELECT
  o."date" AS day,
  count(*) AS orders,
  count(DISTINCT o.user_id) AS customers,
  round(sum(o.total_amount), 2) AS revenue,
  round(avg(o.total_amount), 2) AS average_order,
  coalesce(sum(i.items), 0) AS items
FROM orders AS o
LEFT JOIN items_of_order AS i ON i.order_id = o.order_id
GROUP BY o."date"
ORDER BY day
