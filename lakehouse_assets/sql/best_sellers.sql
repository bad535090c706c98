-- README: The twenty products that were bought most, by how many customers, and how often again. Run it with: lakehouse query best_sellers
SELECT
  p.product_id,
  p.product_name,
  p.department,
  count(*) AS items,
  count(DISTINCT i.order_id) AS orders,
  count(DISTINCT i.user_id) AS customers,
  round(avg(CAST(i.reordered AS DOUBLE)), 3) AS reordered_share
FROM order_items AS i
JOIN products AS p ON p.product_id = i.product_id
GROUP BY p.product_id, p.product_name, p.department
ORDER BY items DESC, p.product_id
LIMIT 20
