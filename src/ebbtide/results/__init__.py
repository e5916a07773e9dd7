"""Result stores: where records stand when the broker keeps none."""
