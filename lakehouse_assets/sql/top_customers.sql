-- README: The ten customers who spent most: their orders, what they paid, and what they bought most from. Run it with: lakehouse query top_customers
WITH spent AS (
  SELECT user_id, count(*) AS orders, round(sum(total_amount), 2) AS total, max(order_timestamp) AS last_order
  FROM orders
  GROUP BY user_id
),
bought AS (
  SELECT o.user_id, p.department, count(*) AS items
  FROM order_items AS i
  JOIN orders AS o ON o.order_id = i.order_id
  JOIN products AS p ON p.product_id = i.product_id
  GROUP BY o.user_id, p.department
),
favourite AS (
  SELECT user_id, department, items, row_number() OVER (PARTITION BY user_id ORDER BY items DESC, department) AS place
  FROM bought
)
SELECT s.user_id, s.orders, s.total, s.last_order, f.department AS favourite_department, f.items AS items_from_it
FROM spent AS s
LEFT JOIN favourite AS f ON f.user_id = s.user_id AND f.place = 1
ORDER BY s.total DESC, s.user_id
LIMIT 10
