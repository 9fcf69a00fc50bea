"""Objects as the hub keeps them: who names them, whether all of them are there, links to them."""
