"""What we do in each OCPI module: the rules of a partner's calls and of ours."""
