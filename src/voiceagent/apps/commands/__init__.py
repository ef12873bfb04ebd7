"""The command line, one file a group of commands. What commands do stands in the packages that they call."""
