"""The sections of the report's page, one file each: `section(material)` returns it, or says why the study has none."""
