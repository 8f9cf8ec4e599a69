"""What deploy/ holds, run on the programs that it is written for."""
