"""Files of the shape of well-known exports. The values are made up; the headers, the forms of dates and the words for
missing values are those of the exports.
"""

from __future__ import annotations

NORTHWIND = {
    "categories.csv": """categoryID,categoryName,description,picture
1,Drinks,"Tea, coffee and juice",0x151C2F00
2,Spreads,NULL,NULL
""",
    "customers.csv": """customerID,companyName,contactName,contactTitle,address,city,region,postalCode,country,phone,fax
AAAAA,Käse & Söhne,Ana Muster,Owner,"Weg 5, Hof",Köln,NULL,01234,Germany,0221-1,NULL
BBBBB,Shop B,NULL,NULL,1 Main St.,Boise,ID,83720,USA,(208) 555-0100,(208) 555-0101
""",
    "customer_demographics.csv": "customerTypeID,customerDesc\nRETAIL,Buys for a shop\n",
    "customer_customer_demo.csv": "customerID,customerTypeID\nAAAAA,RETAIL\nBBBBB,RETAIL\n",
    "employees.csv": """employeeID,lastName,firstName,title,titleOfCourtesy,birthDate,hireDate,address,city,region,\
postalCode,country,homePhone,extension,photo,notes,reportsTo,photoPath
1,Muster,Eva,Sales Representative,Ms.,1968-12-08 00:00:00.000,1992-05-01 00:00:00.000,"1 Way
Apt. 2",Boise,ID,83720,USA,(208) 555-0102,1234,0x151C2F00,"Speaks ""French"".",2,http://example.com/1.bmp
2,Probe,Max,Vice President,Dr.,1952-02-19 00:00:00.000,NULL,2 Way,Boise,ID,83720,USA,NULL,NULL,NULL,NULL,NULL,NULL
""",
    "employee-territories.csv": "employeeID,territoryID\n1,01581\n1,98104\n2,01581\n",
    "orders.csv": """orderID,customerID,employeeID,orderDate,requiredDate,shippedDate,shipVia,freight,shipName,\
shipAddress,shipCity,shipRegion,shipPostalCode,shipCountry
20001,AAAAA,1,1996-07-04 00:00:00.000,1996-08-01 00:00:00.000,1996-07-16 00:00:00.000,1,32.38,Käse & Söhne,"Weg 5, Hof",\
Köln,NULL,01234,Germany
20002,BBBBB,2,1998-05-06 00:00:00.000,1998-06-03 00:00:00.000,NULL,2,0.02,Shop B,1 Main St.,Boise,ID,83720,USA
20003,BBBBB,2,1998-05-31,NULL,1998-05-31,NULL,7,Shop B,1 Main St.,Boise,ID,83720,USA
""",
    "order-details.csv": """orderID,productID,unitPrice,quantity,discount
20001,1,18.00,12,0
20001,2,9.8,10,0.15
20002,1,18.00,1,0.05
""",
    "products.csv": """productID,productName,supplierID,categoryID,quantityPerUnit,unitPrice,unitsInStock,unitsOnOrder,\
reorderLevel,discontinued
1,Green tea,1,1,10 boxes x 20 bags,18.00,39,0,10,0
2,Honey,1,2,12 - 550 ml jars,21.35,0,0,0,0
""",
    "regions.csv": "regionID,regionDescription\n1,East\n2,West\n",
    "shippers.csv": "shipperID,companyName,phone\n1,Fast & Far,(503) 555-0103\n2,Night Owl,NULL\n",
    "suppliers.csv": """supplierID,companyName,contactName,contactTitle,address,city,region,postalCode,country,phone,fax,\
homePage
1,Tea House,NULL,NULL,3 Way,Bristol,NULL,EC1 4SD,UK,(171) 555-0104,NULL,#http://example.com#
""",
    "territories.csv": "territoryID,territoryDescription,regionID\n01581,Westboro,1\n98104,Seattle,2\n",
    "us_states.csv": "state_id,state_name,state_abbr,state_region\n1,Alabama,AL,south\n",
}
"""The usual names and headers of the files, and those of PostgreSQL for the table that only its edition has."""
DATASETS = {
    "employee-territories.csv": "employee_territories",
    "order-details.csv": "order_details",
    "regions.csv": "region",
}
"""The datasets of the files whose names differ from theirs."""
LATER = {
    "products": """productID,productName,supplierID,categoryID,quantityPerUnit,unitPrice,unitsInStock,unitsOnOrder,\
reorderLevel,discontinued
1,Green tea,1,1,10 boxes x 20 bags,19.50,39,0,10,1
2,Honey,1,2,12 - 550 ml jars,21.35,0,0,0,maybe
""",
    "order_details": """orderID,productID,unitPrice,quantity,discount
20001,2,9.8,20,0.15
29999,1,18.00,1,0
20002,2,123456789.00,1,0
""",
}
"""Each has a correction first. The other rows are bad: no boolean, no such order, a digit too many."""
SHOPIFY_HEADER = """Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,\
Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem \
price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,\
Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,Billing Zip,Billing \
Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,Shipping \
Company,Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled \
at,Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,\
Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,\
Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment \
ID,Payment Terms Name,Next Payment Due At,Payment References"""
ITEM = {
    "Name": "#1001",
    "Created at": "2024-02-01 00:20:30 +0100",
    "Lineitem quantity": "1",
    "Lineitem price": "9.90",
    "Lineitem requires shipping": "true",
    "Lineitem taxable": "false",
    "Lineitem discount": "0.00",
}
ORDER = {
    "Email": "eva@example.com",
    "Financial Status": "paid",
    "Paid at": "2024-02-01 00:20:31 +0100",
    "Accepts Marketing": "yes",
    "Currency": "EUR",
    "Subtotal": "29.70",
    "Total": "34.60",
    "Note Attributes": "Gift: yes\nPhone: 1",
    "Id": "5123456789012",
}
OLIST_HEADER = '"order_id","order_item_id","product_id","seller_id","shipping_limit_date","price","freight_value"\n'
