"""Tokens, and whether they may charge. [mod_tokens_tokens_module]"""
