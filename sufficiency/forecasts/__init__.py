"""How curves go on beyond their sizes, by how those of many real data sets did."""
