"""Tariffs. [mod_tariffs_tariffs_module]"""
