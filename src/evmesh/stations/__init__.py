"""Where energy flows: charging stations, simulated or real. They meet the rest through `ports.py`."""
