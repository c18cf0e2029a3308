"""Reports for print: pages by typst, charts by matplotlib, both of the extra `pdf`."""
