"""Commands: what an eMSP asks of a station, and what came of it. [mod_commands_commands_module]"""
