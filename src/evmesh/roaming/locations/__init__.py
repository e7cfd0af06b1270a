"""Locations, their EVSEs and connectors. [mod_locations_locations_module]"""
