"""What one task costs, told in a line."""

from benchmarks.cost import OPERATIONS, line
from benchmarks.harness.weighing import Cost, yardstick


def test_the_cheapest_round_counts_and_the_range_is_told() -> None:
    told = line("drain", [Cost(50e-6, 10e-6), Cost(30e-6, 5e-6), Cost(90e-6, 0.0)], [], counting=False)
    assert told.split() == ["drain", "35.0", "30.0", "5.0", "(35.0", "to", "90.0)"]


def test_another_tree_is_told_beside_it_as_a_ratio() -> None:
    told = line("drain", [Cost(30e-6)], [Cost(70e-6), Cost(60e-6)], counting=False)
    assert told.endswith("other 60.0: this is 0.50 of it")


def test_instructions_are_whole_and_have_no_range() -> None:
    assert line("drain", [Cost(123_456.4)], [], counting=True).split() == ["drain", "123,456"]


def test_a_fixed_loop_takes_processor_time() -> None:
    assert yardstick() > 0


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
