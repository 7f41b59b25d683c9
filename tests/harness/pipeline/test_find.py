from __future__ import annotations

import asyncio
import sys
from uuid import UUID

import pytest
from stageflow import Pipeline
from stageflow.pipeline.dag import UnifiedStageGraph

from harness.load.corpus.corpus import Scenario
from harness.pipeline.find import find_target
from harness.pipeline.runner import TargetRunner
from harness.pipeline.target import Identity, Target
from harness.pipeline.tracing import Trace
from harness.words.errors import TargetError

PRELUDE = """\
from stageflow import Pipeline, StageKind, StageOutput

class Router:
    async def execute(self, ctx):
        return StageOutput.ok(route="fast")

pipeline = Pipeline(name="mine").with_stage("router", Router, StageKind.ROUTE)
"""


def complaint(spec):
    """Return the message with which a target is refused before any load starts."""
    with pytest.raises(TargetError) as caught:
        TargetRunner(find_target(spec), "shared", spec)
    return str(caught.value)


def decided(spec, seed=0):
    runner = TargetRunner(find_target(spec, seed=seed), "shared", spec)
    nobody = Identity(*(UUID(int=n) for n in range(4)))
    return asyncio.run(runner.run(Scenario("s", "text", 4), nobody, Trace())).decision.route


class TestGood:
    @pytest.mark.parametrize(
        "target",
        [
            "target = pipeline",
            "target = pipeline.build()",
            "def target(): return pipeline",
            "def target(): return pipeline.build()",
            "target = lambda: pipeline",
            "from harness.pipeline.target import Target\ntarget = Target(pipeline)",
            "from harness.pipeline.target import Target\ndef target(): return Target(pipeline)",
            "class Made:\n    def __call__(self): return pipeline\ntarget = Made()",
        ],
    )
    def test_whatever_is_or_returns_a_pipeline_can_be_run(self, module, target):
        name = module(PRELUDE + target)
        assert decided(f"{name}:target") == "fast"

    def test_a_pipeline_stays_a_pipeline_and_a_graph_a_graph(self, module):
        name = module(PRELUDE + "graph = pipeline.build()")
        assert isinstance(find_target(f"{name}:pipeline").pipeline, Pipeline)
        assert isinstance(find_target(f"{name}:graph").pipeline, UnifiedStageGraph)

    def test_a_target_is_taken_as_it_is(self, module):
        name = module(
            PRELUDE + "from harness.pipeline.target import Target\nmine = Target(pipeline, route_keys=('x',))"
        )
        assert find_target(f"{name}:mine") is sys.modules[name].mine

    def test_a_function_with_a_seed_is_given_the_run_s(self, module):
        source = """
        def seeded(seed=0):
            class Seeded:
                async def execute(self, ctx):
                    return StageOutput.ok(route=f"seed {seed}")
            return Pipeline(name="mine").with_stage("router", Seeded, StageKind.ROUTE)
        """
        name = module(PRELUDE + source.replace("\n        ", "\n"))
        assert decided(f"{name}:seeded", seed=17) == "seed 17"

    @pytest.mark.parametrize(("scope", "calls"), [("shared", 1), ("per-request", 4)])
    def test_a_function_returning_a_graph_is_called_once_for_each_graph_that_is_needed(self, module, scope, calls):
        body = "called = []\ndef build():\n    called.append(1)\n    return pipeline.build()\n"
        spec = f"{module(PRELUDE + body)}:build"
        runner = TargetRunner(find_target(spec), scope, spec)
        nobody = Identity(*(UUID(int=n) for n in range(4)))
        for _ in range(3):
            assert asyncio.run(runner.run(Scenario("s", "text", 4), nobody, Trace())).decision.route == "fast"
        assert len(sys.modules[spec.partition(":")[0]].called) == calls

    def test_a_function_returning_a_graph_and_then_something_else_fails_with_both(self, module):
        body = "made = []\ndef build():\n    made.append(1)\n    return pipeline if made[1:] else pipeline.build()\n"
        spec = f"{module(PRELUDE + body)}:build"
        runner = TargetRunner(find_target(spec), "per-request", spec)
        nobody = Identity(*(UUID(int=n) for n in range(4)))
        reply = asyncio.run(runner.run(Scenario("s", "text", 4), nobody, Trace()))
        assert reply.error is not None
        assert "returned an object of type Pipeline, and a built graph before" in reply.error

    def test_an_attribute_of_an_attribute_is_found(self, module):
        name = module(PRELUDE + "class Holder:\n    target = pipeline")
        assert decided(f"{name}:Holder.target") == "fast"

    def test_a_module_in_a_package_in_the_current_folder_is_found(self, module):
        assert decided(f"{module(PRELUDE, 'routeswarm_test_package.routing')}:pipeline") == "fast"


class TestBad:
    @pytest.mark.parametrize("spec", ["", "mine", ":", "mine:", ":pipeline", "path/to/file.py"])
    def test_what_is_no_module_and_attribute_is_shown_an_example(self, spec):
        assert complaint(spec) == f"--target {spec}: expected module:attribute, e.g. mypackage.routing:pipeline"

    @pytest.mark.parametrize("spec", ["./t.py:ok", "folder/t.py:ok", "/t:ok", ".t:ok"])
    def test_a_path_in_the_place_of_a_module_is_named(self, spec):
        assert complaint(spec).startswith(f"--target {spec}: found a path, expected module:attribute, e.g. ")
        assert complaint("./t.py:ok").endswith("e.g. t:ok, looked up from the current folder")

    @pytest.mark.parametrize(
        ("name", "unknown"),
        [("routeswarm_no_such", "routeswarm_no_such"), ("routeswarm_no_such.sub", "routeswarm_no_such")],
    )
    def test_an_unknown_module_is_named(self, name, unknown):
        assert complaint(f"{name}:p") == f"--target {name}:p: no module {unknown!r} here or in the environment"

    def test_an_unknown_module_of_a_known_package_is_named(self, module):
        module(PRELUDE, "routeswarm_test_package.routing")
        message = complaint("routeswarm_test_package.rooting:pipeline")
        assert "no module 'routeswarm_test_package.rooting' here or in the environment" in message

    def test_an_unknown_attribute_is_named_with_the_nearest_known(self, module):
        name = module(PRELUDE)
        message = complaint(f"{name}:pipelin")
        assert message == f"--target {name}:pipelin: {name} has no attribute 'pipelin', did you mean 'pipeline'?"
        assert complaint(f"{name}:xyzzy") == f"--target {name}:xyzzy: {name} has no attribute 'xyzzy'"

    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("target = 3", "an object of type int"),
            ("target = None", "an object of type NoneType"),
            ("target = Router()", "an object of type Router"),
            ("target = Router", "the class Router"),
            ("target = Pipeline", "the class Pipeline"),
            ("target = [pipeline]", "an object of type list"),
        ],
    )
    def test_an_object_that_is_no_pipeline_is_refused_with_what_was_expected(self, module, source, found):
        name = module(PRELUDE + source)
        assert complaint(f"{name}:target") == (
            f"--target {name}:target: found {found}, "
            "expected a Pipeline, a function returning one, a built graph or a Target"
        )

    def test_a_coroutine_function_is_refused_with_what_was_expected(self, module):
        name = module(PRELUDE + "async def target(): return pipeline")
        message = complaint(f"{name}:target")
        assert "found a coroutine function, expected a plain function returning a Pipeline" in message

    @pytest.mark.parametrize(
        ("returned", "found"), [("None", "NoneType"), ("'text'", "str"), ("Router()", "Router"), ("{}", "dict")]
    )
    def test_a_function_that_returns_something_else_is_refused_with_what_was_expected(self, module, returned, found):
        name = module(f"{PRELUDE}def target(): return {returned}")
        message = complaint(f"{name}:target")
        assert f"the function returned an object of type {found}, expected a Pipeline or a built graph" in message

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ("raise ValueError('no\\n key')", "ValueError: no key"),
            ("import sys; sys.exit(3)", "SystemExit: 3"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt"),
            ("open('/no/such/file')", "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'"),
        ],
    )
    def test_a_function_that_fails_is_named_with_the_place(self, module, body, error):
        name = module(f"{PRELUDE}\ndef target():\n    {body}\n")
        message = complaint(f"{name}:target")
        assert f"--target {name}:target: the function failed: {error} (" in message
        assert message.endswith(f"{name}.py:{len(PRELUDE.splitlines()) + 3})")

    def test_a_function_that_needs_arguments_fails_with_their_names(self, module):
        message = complaint(f"{module(PRELUDE + 'def target(key): return pipeline')}:target")
        assert "the function failed: TypeError: target() missing 1 required positional argument: 'key'" in message

    @pytest.mark.parametrize(
        ("source", "error"),
        [
            ("x = 1\nraise RuntimeError('no\\nlicence')", "RuntimeError: no licence"),
            ("x = 1\nimport routeswarm_absent", "ModuleNotFoundError: No module named 'routeswarm_absent'"),
            ("x = 1\nfrom stageflow import Absent", "ImportError: cannot import name 'Absent' from 'stageflow'"),
            ("x = 1\nimport sys; sys.exit('usage: ...')", "SystemExit: usage: ..."),
            ("x = 1\nx / 0", "ZeroDivisionError: division by zero"),
        ],
    )
    def test_an_import_that_raises_is_named_with_the_place(self, module, source, error):
        name = module(source)
        message = complaint(f"{name}:pipeline")
        assert message.startswith(f"--target {name}:pipeline: importing {name} failed: {error}")
        assert message.endswith(f"{name}.py:2)")

    def test_an_import_that_does_not_parse_is_named_with_the_place(self, module):
        name = module("def x(:\n")
        message = complaint(f"{name}:pipeline")
        assert message.startswith(f"--target {name}:pipeline: importing {name} failed: SyntaxError: ")
        assert f"{name}.py, line 1" in message

    @pytest.mark.parametrize(
        ("source", "error"),
        [
            ("target = Pipeline(name='empty')", "empty pipeline"),
            ("target = Pipeline(name='x').with_stage('r', Router, StageKind.ROUTE, after='absent')", "absent"),
        ],
    )
    def test_a_pipeline_that_fails_to_build_is_refused_with_the_reason(self, module, source, error):
        name = module(PRELUDE + source)
        message = complaint(f"{name}:target")
        assert message.startswith(f"--target {name}:target: the pipeline does not build: PipelineValidationError: ")
        assert error in message

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ("FallbackChainStage([A, B, A], LATER)", "a -> b -> a: 'a' comes back"),
            ("FallbackChainStage([A], LATER, chains={'x': ('a', 'z')}, choose=str)", "unknown route 'z'"),
            ("FallbackChainStage([A], LATER, deadline_ms=-1)", "deadline_ms=-1"),
            ("Route('a', answers, timeout_ms=-5)", "timeout_ms=-5"),
        ],
    )
    @pytest.mark.parametrize("at", ["import", "build"])
    def test_a_chain_that_is_declared_wrongly_is_named_with_the_place_in_the_users_file(
        self, module, tmp_path, wrong, says, at
    ):
        chain = (
            "from harness.stages.chain import FallbackChainStage\nfrom harness.stages.routes import Default, Route\n"
            "answers = lambda ctx: 'hello'\nA, B, LATER = Route('a', answers), Route('b', answers), Default('later')\n"
        )
        name = module(chain + ("def target():\n    " if at == "build" else "\ntarget = ") + f"({wrong})\n")
        message = complaint(f"{name}:target")
        assert says in message
        assert "ChainError" in message
        assert message.endswith(f"({tmp_path / name}.py:6)")

    def test_a_pipeline_without_a_route_stage_is_refused_with_the_stages_it_has(self, module):
        stages = ".with_stage('a', Router, StageKind.TRANSFORM).with_stage('b', Router, StageKind.GUARD)"
        name = module(f"{PRELUDE}target = Pipeline(name='x'){stages}")
        message = complaint(f"{name}:target")
        assert message == f"--target {name}:target: the pipeline has no ROUTE stage, found a (transform), b (guard)"

    def test_every_message_is_one_line(self, module):
        name = module("raise RuntimeError('a\\n' * 500)")
        message = complaint(f"{name}:x")
        assert len(message.splitlines()) == 1
        assert len(message) < 1000


class TestScopes:
    def test_an_unknown_graph_scope_is_refused_with_the_known_ones(self, router):
        with pytest.raises(TargetError, match="--graph-scope global: expected one of shared, per-request"):
            TargetRunner(Target(router(dict)), "global", "x:y")

    def test_a_built_graph_cannot_be_built_per_request(self, router):
        with pytest.raises(TargetError, match=r"--target x:y: .* --graph-scope per-request needs a Pipeline"):
            TargetRunner(Target(router(dict).build()), "per-request", "x:y")
