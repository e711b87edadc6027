"""The backend interface, the registry, the conformance kit, and the backends that ship."""
