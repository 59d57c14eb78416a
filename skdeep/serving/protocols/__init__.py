"""How clients of each platform ask and want to be answered.

A protocol's ``read`` takes a Query and gives the rows, and a function of their
probabilities that makes the Reply. Nothing in here waits for anything.
"""
