"""From what a graph asks to load to pins, in the gateway: the catalogue, files of people, other sites and places are asked."""
