-- README: Is what was loaded sound? One row per question; `wrong` should be 0 in each. Run it with: lakehouse query validate_orders
SELECT 'orders: keys that stand twice' AS question, count(*) AS wrong
FROM (SELECT order_id FROM orders GROUP BY order_id HAVING count(*) > 1) AS repeated
UNION ALL
SELECT 'order_items: keys that stand twice', count(*)
FROM (SELECT id FROM order_items GROUP BY id HAVING count(*) > 1) AS repeated
UNION ALL
SELECT 'products: keys that stand twice', count(*)
FROM (SELECT product_id FROM products GROUP BY product_id HAVING count(*) > 1) AS repeated
UNION ALL
SELECT 'orders: the date is not the day of the timestamp', count(*)
FROM orders
WHERE "date" <> CAST(CAST(order_timestamp AS DATE) AS VARCHAR)
UNION ALL
SELECT 'order_items: no such order', count(*)
FROM order_items AS i
WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.order_id = i.order_id)
UNION ALL
SELECT 'order_items: no such product', count(*)
FROM order_items AS i
WHERE NOT EXISTS (SELECT 1 FROM products AS p WHERE p.product_id = i.product_id)
UNION ALL
SELECT 'order_items: another customer than the order', count(*)
FROM order_items AS i
JOIN orders AS o ON o.order_id = i.order_id
WHERE o.user_id <> i.user_id
