"""Sessions: a charge while it goes on. [mod_sessions_sessions_module]"""
