"""What the proxies are made of: which calls go straight through, which headers pass, who watches a call that lasts."""
