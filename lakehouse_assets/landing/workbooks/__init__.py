"""Excel workbooks: their parts, sheets and cells, converted to CSV."""
