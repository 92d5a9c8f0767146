"""What facts mean: rules from facts to rows. Pure: no database, no clock."""
