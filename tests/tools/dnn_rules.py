"""The authors' rules of dnn-partitioning, told again and slowly: what a split is worth.

A split is a mapping of node to machine: a text with "cpu" in it is a CPU.
"""


def is_plan(workload, split, cpus_too):
    """Whether no part waits for what waits for it, and memory, colours and support are kept."""
    part = {
        node.id: split[node.id] if cpus_too or "cpu" not in split[node.id] else node.id
        for node in workload.nodes
    }
    after = {one: {part[v] for u, v in workload.edges if part[u] == one} for one in part.values()}
    for one in after:
        seen, todo = set(), [other for other in after[one] if other != one]
        while todo:
            other = todo.pop()
            if other == one:
                return False
            if other not in seen:
                seen.add(other)
                todo += after[other]
    for machine in set(split.values()):
        nodes = [node for node in workload.nodes if split[node.id] == machine]
        if "cpu" not in machine:
            if sum(node.size for node in nodes) > workload.capacity:
                return False
            if any(node.accelerator is None for node in nodes):
                return False
    machines = {}
    for node in workload.nodes:
        if node.colour is not None:
            machines.setdefault(node.colour, set()).add(split[node.id])
    return all(len(found) == 1 for found in machines.values())


def load(workload, split, machine):
    """Computing, and for an accelerator loading and storing, each tensor once."""
    inside = {node.id for node in workload.nodes if split[node.id] == machine}
    if "cpu" in machine:
        return sum(node.cpu for node in workload.nodes if node.id in inside)
    comes = {u for u, v in workload.edges if u not in inside and v in inside}
    goes = {u for u, v in workload.edges if u in inside and v not in inside}
    computes = sum(node.accelerator for node in workload.nodes if node.id in inside)
    return computes + sum(workload.costs[u] for u in comes) + sum(workload.costs[u] for u in goes)


def largest_load(workload, split):
    return max(load(workload, split, machine) for machine in set(split.values()))


def latency(workload, split):
    """When the last node is done: a part as a whole, a node of a CPU as soon as it can be."""
    done = {}

    def start(nodes):
        return max((end(u) for u, v in workload.edges if v in nodes and u not in nodes), default=0)

    def end(node):
        if node not in done:
            machine = split[node]
            if "cpu" in machine:
                (time,) = (one.cpu for one in workload.nodes if one.id == node)
                done[node] = start({node}) + time
            else:
                nodes = {one for one, other in split.items() if other == machine}
                finish = start(nodes) + load(workload, split, machine)
                done.update(dict.fromkeys(nodes, finish))
        return done[node]

    return max(end(node.id) for node in workload.nodes)
