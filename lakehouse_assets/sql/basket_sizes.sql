-- README: How many items an order has, how many orders have so many, and what these are worth. Run it with: lakehouse query basket_sizes
WITH baskets AS (
  SELECT o.order_id, o.total_amount, count(i.id) AS items
  FROM orders AS o
  LEFT JOIN order_items AS i ON i.order_id = o.order_id
  GROUP BY o.order_id, o.total_amount
)
SELECT items, count(*) AS orders, round(avg(total_amount), 2) AS average_order
FROM baskets
GROUP BY items
ORDER BY items
