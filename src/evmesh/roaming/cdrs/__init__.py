"""CDRs: what is billed. [mod_cdrs_cdrs_module]"""
