"""Where services become gRPC servers and Ray Serve deployments: the only place that imports grpc or ray."""
