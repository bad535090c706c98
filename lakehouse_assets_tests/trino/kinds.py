"""A small table with a column of each type that a Delta table of ours or an analyst's can have, and NULLs in all of
them.
"""

KINDS = """
    SELECT * FROM (VALUES
        (1::INTEGER, 7::INTEGER, 9007199254740993::BIGINT, 3::SMALLINT, 1::TINYINT, 2.5::DOUBLE, 1.5::FLOAT, 10.25::DECIMAL(10, 2),
         'Straße 5', true, DATE '2025-01-31', TIMESTAMPTZ '2025-01-31 23:59:59.999Z', ['b', 'a', NULL], [3, 1, 2]::INTEGER[],
         MAP {'k': 1, 'l': NULL}, 'ab'::BLOB),
        (2, -7, -5, -3, -1, -2.5, -0.1, -0.05, '', false, DATE '2024-02-29', TIMESTAMPTZ '2024-02-29 00:00:00Z', [], [], MAP {}, ''::BLOB),
        (3, 0, 0, 0, 0, 1e20, 1e10, 99999999.99, ' ÄÖ äö 12 ', NULL, DATE '1969-12-31',
         TIMESTAMPTZ '1969-12-31 12:30:15.5Z', ['ü'], [NULL], MAP {'ü': 5}, NULL),
        (4, 2147483647, 9223372036854775807, 32767, 127, 0.000123, 3.4, 0.00, '2025-04-01', true, DATE '2025-12-29', TIMESTAMPTZ '2025-12-29 07:08:09Z', NULL,
         [2, 2], NULL, '\\x00\\xFF'::BLOB),
        (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    ) AS t(id, n, b, s, y, x, f, d, t, ok, day, ts, words, numbers, m, bytes)
"""
"""In DuckDB's SQL, for whoever writes the table."""
