import pytest

pytest.register_assert_rewrite("bioinfo_assets_tests.faults.invariants")
