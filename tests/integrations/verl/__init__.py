"""Tests of sgram.integrations.verl that need no verl; those with verl are in tests_verl/."""
