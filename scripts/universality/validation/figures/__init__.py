"""One drawing for each experiment, in the style of the study's figures."""
