"""Does a reply say what an event asks for? The rubric, and the offline judge: transparent rules on words."""
