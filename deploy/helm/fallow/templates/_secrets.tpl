{{- /* Where the URL of a back end is: a Secret, and its key. */ -}}
{{- define "fallow.urlOf" -}}
{{- $root := .root -}}
{{- $of := index $root.Values .backend -}}
{{- $operators := dict "queue" $root.Values.rabbitmq.enabled "ledger" $root.Values.mariadb.enabled "store" false -}}
{{- $own := printf "%s-backends" (include "fallow.fullname" $root) -}}
{{- if $of.existingSecret.name -}}
{{- dict "name" $of.existingSecret.name "key" $of.existingSecret.key | toYaml -}}
{{- else if or $of.url (index $operators .backend) -}}
{{- dict "name" $own "key" (printf "%s-url" .backend) | toYaml -}}
{{- else -}}
{{- fail (printf "Where is the %s? Set %s.url or %s.existingSecret.name: see docs/how-to/kubernetes.md." .backend .backend .backend) -}}
{{- end -}}
{{- end }}

{{- define "fallow.ownSecret" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-secrets" (include "fallow.fullname" .)) -}}
{{- end }}

{{- /* A value as given, else as it is in the cluster already, else made: the same after an upgrade. */ -}}
{{- define "fallow.kept" -}}
{{- $there := (lookup "v1" "Secret" .root.Release.Namespace .secret).data | default dict -}}
{{- if .given -}}
{{- .given -}}
{{- else if hasKey $there .key -}}
{{- index $there .key | b64dec -}}
{{- else -}}
{{- randAlphaNum 48 -}}
{{- end -}}
{{- end }}

{{- /* The queue of the RabbitMQ Cluster Operator, by the Service that leads to its nodes. */ -}}
{{- define "fallow.rabbitmq" -}}
{{- printf "%s-rabbitmq.%s.svc" (include "fallow.fullname" .) .Release.Namespace -}}
{{- end }}

{{- /* The ledger of mariadb-operator: all nodes by name, the first one first for every service. */ -}}
{{- define "fallow.galera" -}}
{{- $name := printf "%s-mariadb" (include "fallow.fullname" .root) -}}
{{- $hosts := list -}}
{{- range $n := until (int .root.Values.mariadb.replicas) -}}
{{- $hosts = append $hosts (printf "%s-%d.%s-internal" $name $n $name) -}}
{{- end -}}
{{- printf "mysql://fallow:%s@%s/fallow" .password (join "," $hosts) -}}
{{- end }}

{{- /* Secrets as files: whoever sees a pod's variables, or its children's, sees none of them. */ -}}
{{- define "fallow.secretVolume" -}}
{{- $root := .root -}}
name: secrets
projected:
  defaultMode: 0440
  sources:
    {{- range $backend := .backends }}
    {{- $at := include "fallow.urlOf" (dict "root" $root "backend" $backend) | fromYaml }}
    - secret:
        name: {{ $at.name }}
        items: [{key: {{ $at.key }}, path: {{ $backend }}-url}]
    {{- end }}
    {{- if eq .role "gateway" }}
    - secret:
        name: {{ include "fallow.ownSecret" $root }}
        items: [{key: secret, path: secret}, {key: token, path: token}, {key: api-token, path: api-token}]
    {{- end }}
{{- end }}

{{- define "fallow.secretFiles" -}}
{{- range .backends }}
- {name: FALLOW_{{ upper . }}_URL_FILE, value: /run/secrets/fallow/{{ . }}-url}
{{- end }}
{{- if eq .role "gateway" }}
- {name: FALLOW_SECRET_FILE, value: /run/secrets/fallow/secret}
- {name: FALLOW_TOKEN_FILE, value: /run/secrets/fallow/token}
- {name: FALLOW_API_TOKEN_FILE, value: /run/secrets/fallow/api-token}
{{- end }}
{{- end }}

{{- define "fallow.storeVariables" -}}
{{- range $name, $value := .Values.store.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
