"""How scenes are written in the layout of each dataset, and what is checked beside it, one module per dataset."""
