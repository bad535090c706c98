-- README: What each department sells: products, items, its share of all items, and how much of it is bought again. (An order's amount is not told by item.) Run it with: lakehouse query sales_by_department
WITH sold AS (
  SELECT p.department, i.product_id, i.order_id, i.reordered
  FROM order_items AS i
  JOIN products AS p ON p.product_id = i.product_id
)
SELECT
  department,
  count(DISTINCT product_id) AS products,
  count(DISTINCT order_id) AS orders,
  count(*) AS items,
  round(CAST(count(*) AS DOUBLE) / (SELECT count(*) FROM sold), 3) AS share_of_items,
  round(avg(CAST(reordered AS DOUBLE)), 3) AS reordered_share
FROM sold
GROUP BY department
ORDER BY items DESC, department
