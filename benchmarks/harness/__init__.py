"""What a comparison needs and no contender owns: environments, servers, workers, clocks, the table."""
