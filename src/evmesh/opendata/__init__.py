"""Open data: national registers of charge points read into Locations, and ours written for others. No I/O in here."""
