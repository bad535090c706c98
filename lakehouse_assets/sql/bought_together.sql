-- README: The twenty pairs of products that stand in one order most often. Run it with: lakehouse query bought_together
WITH products_of_order AS (
  SELECT DISTINCT order_id, product_id FROM order_items
)
SELECT
  a.product_id AS first_id,
  p.product_name AS first_product,
  b.product_id AS second_id,
  q.product_name AS second_product,
  count(*) AS orders
FROM products_of_order AS a
JOIN products_of_order AS b ON b.order_id = a.order_id AND b.product_id > a.product_id
JOIN products AS p ON p.product_id = a.product_id
JOIN products AS q ON q.product_id = b.product_id
GROUP BY a.product_id, p.product_name, b.product_id, q.product_name
ORDER BY orders DESC, first_id, second_id
LIMIT 20
