"""Steps of curation, one file each: the file stem is the name by which a recipe calls the step."""
