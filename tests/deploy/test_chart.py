"""The chart: every example renders, is valid in three Kubernetes, and keeps to the rules."""

from __future__ import annotations

import base64
import importlib.util
import re
import sys
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy import kinds
from deploy.chart import CASES, CHART, ROOT, Manifest, helm, of_kind, pods, rendered, template
from fallow.services.run import LAST
from fallow.settings import Settings, load

VERSIONS = ("1.30", "1.34", "1.37")
ROLES = ("gateway", "splitter", "joiner", "sweeper", "worker")


def made() -> Any:
    """deploy/helm/chart_files.py."""
    spec = importlib.util.spec_from_file_location("chart_files", CHART.parent / "chart_files.py")
    assert spec
    module = sys.modules["chart_files"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]


def faults(manifest: Manifest, version: str) -> list[str]:
    """What is wrong with it in that version of Kubernetes, or by what its operator knows."""
    if manifest["kind"] in kinds.KINDS:
        return kinds.faults(manifest)
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        return [f"{manifest['apiVersion']} {manifest['kind']} is not known"]
    except kubernetes_validate.ValidationError as error:
        return [str(error)]
    return []


@pytest.mark.parametrize("case", CASES)
def test_helm_has_no_complaint(case: str) -> None:
    done = helm("lint", "--strict", CHART, "--values", CASES[case])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_everything_is_valid(case: str, version: str) -> None:
    told = {f"{m['kind']} {m['metadata']['name']}": faults(m, version) for m in rendered(case)}
    assert {name: found for name, found in told.items() if found} == {}


def test_what_is_not_valid_is_noticed() -> None:
    deployment = of_kind(rendered("urls"), "Deployment")["worker"]
    assert faults({**deployment, "spec": {**deployment["spec"], "replicaz": 2}}, "1.34")
    assert faults({**deployment, "apiVersion": "apps/v2"}, "1.34") == ["apps/v2 Deployment is not known"]
    scaled = of_kind(rendered("everything"), "ScaledObject")["worker"]
    assert faults({**scaled, "spec": {**scaled["spec"], "triggers": []}}, "1.34")


@pytest.mark.parametrize("case", CASES)
def test_no_two_things_have_one_name(case: str) -> None:
    names = [(m["kind"], m["metadata"]["name"]) for m in rendered(case)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("case", CASES)
def test_pods_have_no_more_rights_than_they_need(case: str) -> None:
    for name, pod in pods(rendered(case)):
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["enableServiceLinks"] is False, name
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"]), name
        assert not [v for v in pod["spec"].get("volumes", []) if "hostPath" in v], name
        for container in containers(pod):
            allowed = container["securityContext"]
            assert allowed["privileged"] is allowed["allowPrivilegeEscalation"] is False, name
            assert allowed["readOnlyRootFilesystem"] is True, name
            assert allowed["capabilities"] == {"drop": ["ALL"]}, name


@pytest.mark.parametrize("case", CASES)
def test_images_have_a_version_and_pods_their_limits(case: str) -> None:
    for name, pod in pods(rendered(case)):
        for container in containers(pod):
            assert re.search(r":\d[\w.-]*$|@sha256:[0-9a-f]{64}$", container["image"]), name
            for kind in ("requests", "limits"):
                assert set(container["resources"][kind]) >= {"cpu", "memory"}, name


@pytest.mark.parametrize("case", CASES)
def test_services_are_probed_and_spread(case: str) -> None:
    for name, deployment in of_kind(rendered(case), "Deployment").items():
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        probes = {
            kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")
        }
        assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}, name
        # Readiness asks back ends, which may take 2 seconds.
        assert container["readinessProbe"]["timeoutSeconds"] > 2
        assert spec["affinity"], name
        own = deployment["spec"]["selector"]["matchLabels"]
        assert own.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
        assert all(c["labelSelector"]["matchLabels"] == own for c in spec.get("topologySpreadConstraints", []))


@pytest.mark.parametrize("case", CASES)
def test_no_encode_is_killed_before_its_worker_has_given_it_back(case: str) -> None:
    for name, deployment in of_kind(rendered(case), "Deployment").items():
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        variables = {item["name"]: item.get("value", "") for item in container["env"]}
        before = int(
            (container.get("lifecycle") or {"preStop": {"exec": {"command": ["0"]}}})["preStop"]["exec"]["command"][
                -1
            ]
        )
        needed = before + float(variables["FALLOW_STOP_SECONDS"]) + LAST
        assert spec["terminationGracePeriodSeconds"] > needed, name


@pytest.mark.parametrize("case", CASES)
def test_services_understand_their_variables(case: str, tmp_path: Any) -> None:
    for name, deployment in of_kind(rendered(case), "Deployment").items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        variables = {item["name"]: item["value"] for item in container["env"]}
        mounted = {path for volume in deployment["spec"]["template"]["spec"]["volumes"] for path in _files(volume)}
        for variable, place in variables.items():
            if variable.endswith("_FILE"):
                assert place.removeprefix("/run/secrets/fallow/") in mounted, name
                variables[variable] = str(tmp_path / "secret")
        (tmp_path / "secret").write_text("amqp://a-secret-of-some-length")
        settings = load({}, variables)
        assert settings.queue_url == settings.ledger_url == settings.store_url != ""
        assert bool(settings.secret) is bool(settings.api_token) is bool(settings.token) is (name == "gateway")
        assert settings.workers == (Settings.workers if name != "worker" else int(variables["FALLOW_WORKERS"]))


def _files(volume: Manifest) -> set[str]:
    sources = volume.get("projected", {}).get("sources", [])
    return {item["path"] for source in sources for item in source["secret"]["items"]}


@pytest.mark.parametrize("case", CASES)
def test_secrets_that_pods_name_are_made_or_somebody_elses(case: str) -> None:
    made = {m["metadata"]["name"]: {*m.get("stringData", {})} for m in rendered(case) if m["kind"] == "Secret"}
    elsewhere = {"servers", "own", "bucket", "fallow-azure", "fallow-store"}
    for name, pod in pods(rendered(case)):
        for volume in pod["spec"].get("volumes", []):
            found = [source["secret"] for source in volume.get("projected", {}).get("sources", [])]
            if "secret" in volume:
                found.append({"name": volume["secret"]["secretName"], "items": volume["secret"]["items"]})
            for secret in found:
                wanted = {item["key"] for item in secret["items"]}
                assert secret["name"] in elsewhere or wanted <= made[secret["name"]], name


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_under_a_policy_that_denies(case: str) -> None:
    policies = of_kind(rendered(case), "NetworkPolicy")
    deny = policies["nothing"]["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(deny)
    for name, pod in pods(rendered(case)):
        assert deny["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items(), name
    asked = policies["gateway"]["spec"]["ingress"][0].get("from", [])
    assert not asked or any("podSelector" in peer for peer in asked)  # `helm test` is let in as well
    internet = policies["internet"]["spec"]["podSelector"]["matchExpressions"]
    assert internet == [{"key": "app.kubernetes.io/component", "operator": "In", "values": ["splitter", "sweeper"]}]


def test_each_service_is_scaled_by_processors_and_memory() -> None:
    scalers = of_kind(rendered("urls"), "HorizontalPodAutoscaler")
    assert set(scalers) == set(ROLES)
    for name, scaler in scalers.items():
        measured = {
            m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in scaler["spec"]["metrics"]
        }
        assert measured == {"cpu": 70, "memory": 80}, name
    # Only one may set the number of a service's pods.
    for case in CASES:
        found = rendered(case)
        scaled = {m["spec"]["scaleTargetRef"]["name"] for m in of_kind(found, "ScaledObject").values()}
        scaled_too = {
            m["spec"]["scaleTargetRef"]["name"] for m in of_kind(found, "HorizontalPodAutoscaler").values()
        }
        assert not scaled & scaled_too
        fixed = {m["metadata"]["name"] for m in of_kind(found, "Deployment").values() if "replicas" in m["spec"]}
        assert not fixed & (scaled | scaled_too)


def test_tables_are_made_before_the_services_that_need_them() -> None:
    job = of_kind(rendered("urls"), "Job")["migration"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    secret = of_kind(rendered("urls"), "Secret")["migration"]
    assert secret["stringData"]["ledger-url"].startswith("mysql://owner:")
    assert int(secret["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    # The chart's own ledger is not there before it is installed: its tables are made beside it.
    assert "annotations" not in of_kind(rendered("eks"), "Job")["migration"]["metadata"]
    again = of_kind(template("eks", "--is-upgrade"), "Job")["migration"]
    assert again["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_the_charts_own_queue_is_found_by_its_password() -> None:
    secrets = of_kind(rendered("eks"), "Secret")
    user, host = secrets["rabbitmq-user"]["stringData"], "fallow-rabbitmq.video.svc"
    assert secrets["backends"]["stringData"]["queue-url"] == f"amqp://fallow:{user['password']}@{host}:5672/"
    assert user["default_user.conf"] == f"default_user = fallow\ndefault_pass = {user['password']}\n"
    # What the operator wants of a Secret that it has not made.
    assert set(user) >= {"username", "password", "default_user.conf", "host", "port", "provider", "type"}
    (cluster,) = of_kind(rendered("eks"), "RabbitmqCluster").values()
    assert (
        cluster["spec"]["secretBackend"]["externalSecret"]["name"] == secrets["rabbitmq-user"]["metadata"]["name"]
    )


def test_the_charts_own_ledger_is_found_by_its_password() -> None:
    secrets = of_kind(rendered("eks"), "Secret")
    password = secrets["mariadb"]["stringData"]["password"]
    hosts = ",".join(f"fallow-mariadb-{n}.fallow-mariadb-internal" for n in range(3))
    assert secrets["backends"]["stringData"]["ledger-url"] == f"mysql://fallow:{password}@{hosts}/fallow"


@pytest.mark.parametrize("case", CASES)
def test_the_world_sees_neither_health_nor_metrics(case: str) -> None:
    for manifest in rendered(case):
        if manifest["kind"] == "Ingress":
            paths = [(p["path"], p["pathType"]) for r in manifest["spec"]["rules"] for p in r["http"]["paths"]]
        elif manifest["kind"] == "HTTPRoute":
            told = [match["path"] for rule in manifest["spec"]["rules"] for match in rule["matches"]]
            paths = [(path["value"], path["type"].removeprefix("Path")) for path in told]
        else:
            continue
        assert {path for path, kind in paths if kind == "Prefix"} == {
            "/api",
            "/agent",
            "/blobs",
            "/play",
            "/assets",
        }
        assert {path for path, kind in paths if kind == "Exact"} == {"/", "/fallow-worker.pyz"}


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("worker.slotts=3", "slotts"),
        ("settings.leese_seconds=3", "leese_seconds"),
        ("image.tag=latest", "/image/tag"),
        ("gateway.autoscaling.cpu=much", "/gateway/autoscaling/cpu"),
        ("podSecurityContext.runAsNonRoot=false", "runAsNonRoot"),
        ("worker.slots=0", "/worker/slots"),
        ("store.url=", "Where is the store?"),
        ("joiner.autoscaling.cpu=0,joiner.autoscaling.memory=0", "joiner.autoscaling looks at nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(setting: str, word: str) -> None:
    done = helm("template", "fallow", CHART, "--values", CASES["urls"], "--set", setting)
    assert done.returncode != 0
    assert word in done.stderr


def test_the_page_and_the_schema_are_up_to_date() -> None:
    """Else run: python deploy/helm/chart_files.py"""
    for place, content in made().files().items():
        assert place.read_text(encoding="utf-8") == content, place


def test_the_chart_is_of_the_same_version() -> None:
    told = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert f'__version__ = "{told["appVersion"]}"' in (ROOT / "src/fallow/__init__.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_priorities_that_pods_name_are_made_or_somebody_elses(case: str) -> None:
    made = {m["metadata"]["name"] for m in rendered(case) if m["kind"] == "PriorityClass"}
    named = {pod["spec"].get("priorityClassName") for _, pod in pods(rendered(case))} - {None, "mine"}
    assert named <= made


def test_secrets_are_not_in_any_variable() -> None:
    told = [
        value
        for case in CASES
        for _, pod in pods(rendered(case))
        for c in containers(pod)
        for value in c.get("env", [])
    ]
    assert not [item for item in told if re.search(r"://[^/]*:[^/]*@", item.get("value", ""))]
    encoded = base64.b64encode(b"QUEUE_PASSWORD").decode()
    for manifest in rendered("urls"):
        assert manifest["kind"] == "Secret" or not re.search(f"QUEUE_PASSWORD|{encoded}", str(manifest))
