{{- define "sotto.name" -}}
{{- if contains "coordinator" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-coordinator" (.Release.Name | trunc 40 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "sotto.selector" -}}
app.kubernetes.io/name: coordinator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sotto.labels" -}}
{{ include "sotto.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sotto
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sotto.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* federation.yaml, read; the program checks the rest of it. */}}
{{- define "sotto.federation" -}}
{{- $read := fromYaml .Values.settings.federation -}}
{{- if hasKey $read "Error" }}{{ fail (printf "settings.federation is not YAML: %s" $read.Error) }}{{ end -}}
{{- if not (regexMatch "^https://[^/\\s]+:[0-9]{1,5}$" (toString $read.url)) }}{{ fail (printf "settings.federation: url is '%v', must be https://HOST:PORT" $read.url) }}{{ end -}}
{{- if ne (toString $read.adapter) "adapter-layout.json" }}{{ fail (printf "settings.federation: adapter is '%v', must be adapter-layout.json, as the chart mounts settings.layout" $read.adapter) }}{{ end -}}
{{- toYaml $read }}
{{- end }}

{{- /* The files that `oidc` of federation.yaml names, with spaces between them. */}}
{{- define "sotto.oidcFiles" -}}
{{- $oidc := (include "sotto.federation" . | fromYaml).oidc | default dict -}}
{{- $files := list -}}
{{- range list "clientSecretFile" "caFile" }}{{ with get $oidc . }}{{ $files = append $files . }}{{ end }}{{ end -}}
{{- range $files }}{{ if not (regexMatch "^[A-Za-z0-9_-][A-Za-z0-9._-]*$" (toString .)) }}{{ fail (printf "settings.federation: oidc names the file '%v', must be a file's name of [A-Za-z0-9._-], as the chart mounts it beside federation.yaml" .) }}{{ end }}{{ end -}}
{{- if and $files (not .Values.oidc.secretName) }}{{ fail (printf "oidc.secretName must name the Secret with %s, which oidc of settings.federation names" (join " and " $files)) }}{{ end -}}
{{- if and .Values.oidc.secretName (not $files) }}{{ fail "oidc.secretName is given, but oidc of settings.federation names no file: clientSecretFile or caFile" }}{{ end -}}
{{- join " " $files }}
{{- end }}

{{- define "sotto.host" -}}
{{- regexReplaceAll "^https://(.*):[0-9]+$" (include "sotto.federation" . | fromYaml).url "${1}" }}
{{- end }}

{{- define "sotto.port" -}}
{{- regexReplaceAll "^.*:([0-9]+)$" (include "sotto.federation" . | fromYaml).url "${1}" }}
{{- end }}

{{- define "sotto.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "sotto.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
