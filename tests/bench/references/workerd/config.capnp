# One worker, and a durable object for each room that lives as long as the process.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "presence", worker = .presence)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "presence")],
);

const presence :Workerd.Worker = (
  compatibilityDate = "2026-11-01",
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "room.mjs", esModule = embed "../room.mjs"),
  ],
  durableObjectNamespaces = [(className = "Party", uniqueKey = "party", preventEviction = true)],
  durableObjectStorage = (inMemory = void),
  bindings = [
    (name = "PARTIES", durableObjectNamespace = "Party"),
    (name = "PRESENCE_JWT_SECRET", fromEnvironment = "PRESENCE_JWT_SECRET"),
  ],
);
