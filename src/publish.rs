//! Images and what is attested of them, to and from a registry, after the OCI distribution specification 1.1.
