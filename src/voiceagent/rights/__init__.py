"""Rights over personal data: erasure, export, retention. Works on the ports; knows neither services nor adapters."""
