targetScope = 'subscription'

@description('The azd environment; the resource group is called after it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('The region of everything; it needs Flex Consumption and the embedding model.')
param location string

@description('Object id of who deploys and prepares the database, its Entra administrator.')
param principalId string

@description('Name of the same in Entra; empty: the signed-in user. A service principal must give it.')
param principalName string = ''

@description('Tokens per minute of the embedding model, in thousands; it comes out of the quota of the subscription.')
@minValue(1)
param embeddingCapacity int = 120

@description('Instances of the app at most, for each of its three groups of functions: they share the connections that the database server admits.')
@minValue(1)
@maxValue(10)
param maximumInstances int = 1

@description('Whether Durable Functions keeps its state in a Durable Task Scheduler instead of Azure Storage.')
param useDurableTaskScheduler bool = false

@description('Dollars that all processes together may spend in a day of UTC, such as 2.50; empty: no cap.')
param maxDollarsPerDay string = ''

@description('The same in a month.')
param maxDollarsPerMonth string = ''

@description('File of search keys within the app\'s package, which holds their SHA-256 and no key; empty: each function key may search.')
param searchKeysFile string = ''

@description('Whether texts of failed items are shown to all who may ask for them.')
param showTexts bool = false

@description('Address of a collector of OpenTelemetry; empty: none.')
param otlpEndpoint string = ''

@description('What receives alerts: json, slack (an incoming webhook) or teams (a workflow).')
@allowed(['json', 'slack', 'teams'])
param alertForm string = 'json'

@description('Whether there is a Key Vault for the secrets below. It is made empty: write them, then say which of them it has.')
param useKeyVault bool = false

@description('Whether the vault has EMBEDDINGS-READ-KEY, the key that may look at the dashboard and change nothing.')
param hasReadKey bool = false

@description('Whether the vault has EMBEDDINGS-ALERT-URL, the address that alerts are posted to.')
param hasAlertUrl bool = false

@description('Whether the vault has EMBEDDINGS-ALERT-SECRET, which signs alerts.')
param hasAlertSecret bool = false

@description('Whether the vault has OTEL-EXPORTER-OTLP-HEADERS, what the collector asks for.')
param hasOtlpHeaders bool = false

var tags = { 'azd-env-name': environmentName }
var token = uniqueString(subscription().id, environmentName, location)
var signedInUser = az.deployer().?userPrincipalName ?? ''
var administratorName = empty(principalName) ? signedInUser : principalName
var administratorType = contains(administratorName, '@') ? 'User' : 'ServicePrincipal'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  name: 'identity'
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module deployer 'modules/identity.bicep' = {
  scope: group
  name: 'deployer'
  params: {
    name: 'id-deploy-${token}'
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  name: 'storage'
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module packages 'modules/packages.bicep' = {
  scope: group
  name: 'packages'
  params: {
    name: 'stpkg${token}'
    location: location
    tags: tags
    principalId: deployer.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  name: 'monitoring'
  params: {
    token: token
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module postgres 'modules/postgres.bicep' = {
  scope: group
  name: 'postgres'
  params: {
    name: 'psql-${token}'
    location: location
    tags: tags
    administratorId: principalId
    administratorName: administratorName
    administratorType: administratorType
    workspaceId: monitoring.outputs.workspaceId
  }
}

module redis 'modules/redis.bicep' = {
  scope: group
  name: 'redis'
  params: {
    name: 'redis-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module openai 'modules/openai.bicep' = {
  scope: group
  name: 'openai'
  params: {
    name: 'oai-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    capacity: embeddingCapacity
    workspaceId: monitoring.outputs.workspaceId
  }
}

module scheduler 'modules/scheduler.bicep' = if (useDurableTaskScheduler) {
  scope: group
  name: 'scheduler'
  params: {
    name: 'dts-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module vault 'modules/vault.bicep' = if (useKeyVault) {
  scope: group
  name: 'vault'
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    administratorId: principalId
    administratorType: administratorType
    workspaceId: monitoring.outputs.workspaceId
  }
}

module functions 'modules/functions.bicep' = {
  scope: group
  name: 'functions'
  params: {
    token: token
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityName: identity.outputs.name
    identityClientId: identity.outputs.clientId
    deployerId: deployer.outputs.id
    storageName: storage.outputs.name
    deploymentContainer: packages.outputs.deploymentContainer
    monitoringConnection: monitoring.outputs.connectionString
    databaseHost: postgres.outputs.host
    databaseName: postgres.outputs.database
    databaseConnections: postgres.outputs.connections
    maximumInstances: maximumInstances
    redisHost: redis.outputs.host
    openaiEndpoint: openai.outputs.endpoint
    embeddingModel: openai.outputs.deployment
    requestsPerMinute: openai.outputs.requestsPerMinute
    tokensPerMinute: openai.outputs.tokensPerMinute
    schedulerEndpoint: useDurableTaskScheduler ? scheduler!.outputs.endpoint : ''
    taskHub: useDurableTaskScheduler ? scheduler!.outputs.taskHub : ''
    maxDollarsPerDay: maxDollarsPerDay
    maxDollarsPerMonth: maxDollarsPerMonth
    searchKeysFile: searchKeysFile
    showTexts: showTexts
    otlpEndpoint: otlpEndpoint
    alertForm: alertForm
    vaultUri: useKeyVault ? vault!.outputs.uri : ''
    hasReadKey: hasReadKey
    hasAlertUrl: hasAlertUrl
    hasAlertSecret: hasAlertSecret
    hasOtlpHeaders: hasOtlpHeaders
  }
}

// azd keeps these, and hands them to infra/prepare-database.sh as environment variables.
output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP string = functions.outputs.name
output FUNCTION_APP_IDENTITY string = identity.outputs.name
output POSTGRES_SERVER_ID string = postgres.outputs.id
output POSTGRES_HOST string = postgres.outputs.host
output POSTGRES_DATABASE string = postgres.outputs.database
output POSTGRES_ADMINISTRATOR string = administratorName
output AZURE_OPENAI_ENDPOINT string = openai.outputs.endpoint
output KEY_VAULT string = useKeyVault ? vault!.outputs.name : ''
output EMBEDDING_MODEL string = openai.outputs.deployment
